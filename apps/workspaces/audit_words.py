"""What the audit log calls an act, for people."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

# By the name an entry keeps; others are shown by that name, without its underscores.
ACTIONS = {
    "approval_answer": _("Answered an approval"),
    "asset_restore": _("Restored a file"),
    "asset_trash": _("Put a file into the trash"),
    "audit_export": _("Exported the audit log"),
    "board_create": _("Made a board"),
    "board_delete": _("Deleted a board"),
    "board_rename": _("Renamed a board"),
    "credits_correct": _("Corrected credits"),
    "credits_grant": _("Granted credits"),
    "dataset_create": _("Made a dataset"),
    "dataset_export": _("Exported a dataset"),
    "dataset_freeze": _("Froze a version of a dataset"),
    "generation_consent_set": _("Changed the consent for a result"),
    "generation_give_up": _("Gave up a lost answer"),
    "generation_look": _("Asked a provider again"),
    "generation_cancel": _("Cancelled a paid call"),
    "impersonation_begin": _("Began to look at the site as a member"),
    "impersonation_end": _("No longer looks at the site as a member"),
    "invitation_accept": _("Accepted an invitation"),
    "invitation_revoke": _("Took back an invitation"),
    "licence_set": _("Changed a licence"),
    "member_change_role": _("Changed a role"),
    "member_invite": _("Invited somebody"),
    "member_leave": _("Left the workspace"),
    "member_remove": _("Removed a member"),
    "password_change": _("Changed their password"),
    "password_reset": _("Reset their password"),
    "project_create": _("Made a project"),
    "project_rename": _("Changed a project"),
    "project_restore": _("Restored a project"),
    "project_trash": _("Put a project into the trash"),
    "provider_key_revoke": _("Removed a provider's key"),
    "provider_key_set": _("Set a provider's key"),
    "purchase_refund": _("Refunded a payment"),
    "run_wake": _("Woke a run"),
    "second_steps_reset": _("Reset somebody's second steps"),
    "sessions_end": _("Signed somebody out everywhere"),
    "staff_reason": _("Gave the reason of what staff did"),
    "switch_clear": _("Took back a switch"),
    "switch_set": _("Switched something on or off"),
    "workspace_plan_set": _("Set the plan"),
    "run_cancel": _("Cancelled a run"),
    "run_retry": _("Retried a run"),
    "session_begin": _("Signed in"),
    "token_issue": _("Made an API token"),
    "token_revoke": _("Revoked an API token"),
    "version_publish": _("Published a version"),
    "version_restore": _("Went back to a version"),
    "workflow_create": _("Made a workflow"),
    "workflow_rename": _("Renamed a workflow"),
    "workflow_restore": _("Restored a workflow"),
    "workflow_trash": _("Put a workflow into the trash"),
    "workspace_consent_set": _("Changed the workspace's consent"),
    "workspace_create": _("Made the workspace"),
    "workspace_rename": _("Renamed the workspace"),
}


def action_words(action: str) -> str:
    """An act in the reader's language."""
    return str(ACTIONS.get(action, action.replace("_", " ").capitalize()))
