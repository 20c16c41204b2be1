"""The simulator: the product's own domain and handlers in one seeded loop, with everything around them in memory.

    python -m tests.faults.simulator --schedules 20000 --seed 1

Real code: `decide`, `settle`, `evolve`, `IssueHandlers`, `Timers`, `IssueWorkflow`, `Overseer`, `Subscriber`, `Effects`, `Tender`, `Relay`,
`catch_up`, `Projector`, notify's `Handlers`, `Sender`, `Sending`, `Outcomes`, `Receipts`, intake's domain. Modelled, each module saying
what it mirrors: Postgres (`store`), JetStream (`bus`), Temporal's server (`temporal`), gateways (`gateway`), clocks, processes (`loop`).
A process dies, freezes or loses an answer at a named step; the same seed gives the same trace, step by step.
"""
