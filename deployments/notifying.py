"""The automation that sends Throughline's events on to where a team reads them: one POST of JSON for each."""

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.actions import CallWebhook
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.types import SecretDict
from pydantic import SecretStr

from throughline.domain.happenings import EVENTS

AUTOMATION = "throughline: tell the team"
_BLOCK = "throughline-notify"
# `text` is what chat services show of an incoming webhook; the rest is for programs.
_BODY = (
    '{"text": {{ event.payload.text | tojson }}, "event": {{ event.event | tojson }}, '
    '"details": {{ event.payload | tojson }}}'
)


async def notify(url: SecretStr | None) -> None:
    """Make the automation what the address says: there is one if there is an address, else none.

    The address may hold a secret; Prefect keeps it encrypted, in a block.
    """
    async with get_client() as client:
        existing = await client.read_automations_by_name(AUTOMATION)
        if url is None:
            for automation in existing:
                await client.delete_automation(automation.id)
            await _forget(client)
            return
        block = Webhook(method="POST", url=url, headers=SecretDict({"Content-Type": "application/json"}))
        block_id = await block.asave(_BLOCK, overwrite=True)
        wanted = AutomationCore(
            name=AUTOMATION,
            description="Sends Throughline's events to THROUGHLINE_NOTIFY_URL. Made by `throughline deploy`.",
            trigger=EventTrigger(
                expect=set(EVENTS), posture=Posture.Reactive, threshold=1, for_each={"prefect.resource.id"}
            ),
            actions=[CallWebhook(block_document_id=block_id, payload=_BODY)],
        )
        if existing:
            await client.update_automation(existing[0].id, wanted)
        else:
            await client.create_automation(wanted)


async def _forget(client: PrefectClient) -> None:
    """Take the address out of Prefect's database."""
    try:
        block = await client.read_block_document_by_name(_BLOCK, "webhook")
    except ObjectNotFound:
        return
    await client.delete_block_document(block.id)
