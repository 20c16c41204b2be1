"""How a message leaves: SMS gateway, mail, and what apprise reaches (WeCom and others). Each answers with a `domain.delivery.Attempt`."""

from services.notify.channels.base import Channel, Outgoing
from services.notify.channels.chat import Chat
from services.notify.channels.mail import Mail
from services.notify.channels.sms import SmsGateway

__all__ = ["Channel", "Chat", "Mail", "Outgoing", "SmsGateway"]
