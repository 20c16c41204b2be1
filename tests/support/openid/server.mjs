// A real OpenID provider for tests: `node server.mjs <port> <callback>`. Anybody signs in under any name, with any password.
import Provider from "oidc-provider";

const [port, callback] = process.argv.slice(2);
const client = { redirect_uris: [callback], post_logout_redirect_uris: [new URL("/", callback).href], grant_types: ["authorization_code"], response_types: ["code"] };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { ...client, client_id: "huiyin-web", client_secret: "a secret: + % & of the client", token_endpoint_auth_method: "client_secret_basic" },
    { ...client, client_id: "huiyin-post", client_secret: "another secret of the client", token_endpoint_auth_method: "client_secret_post" },
    { ...client, client_id: "huiyin-public", token_endpoint_auth_method: "none" },
  ],
  claims: { openid: ["sub"], profile: ["preferred_username"] },
  conformIdTokenClaims: false,
  findAccount: (_, name) => ({ accountId: name, claims: () => ({ sub: `number-of-${name}`, preferred_username: name }) }),
});

provider.listen(Number(port), "127.0.0.1");
