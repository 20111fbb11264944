"""What is switched off, for all and for single workspaces."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from apps.console.admin.base import Kept
from apps.console.forms import SwitchForm
from apps.generations.vendors import vendor_title
from apps.workspaces.models import Switch
from apps.workspaces.switches import PROVIDER, SwitchName, switch_clear, switch_set


@admin.register(Switch)
class SwitchAdmin(Kept, ModelAdmin):  # type: ignore[misc]
    """A row says on or off; what has no row is on. Every process knows of a change within seconds."""

    form = SwitchForm
    list_display = ("what", "who", "on", "reason", "changed_by", "changed_at")
    list_filter = ("on",)
    list_select_related = ("workspace", "changed_by")
    search_fields = ("name", "workspace__slug", "workspace__name", "reason")
    autocomplete_fields = ("workspace",)
    ordering = ("name", "workspace_id")
    actions = None

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What it switches, and for whom, stays as it is."""
        return ("workspace",) if obj else ()

    @admin.display(description=gettext_lazy("What"), ordering="name")
    def what(self, switch: Switch) -> str:
        """Its name for people."""
        if switch.name.startswith(PROVIDER):
            return _("Calls to %(vendor)s") % {"vendor": vendor_title(switch.name.removeprefix(PROVIDER))}
        return str(SwitchName(switch.name).label) if switch.name in SwitchName.values else switch.name

    @admin.display(description=gettext_lazy("For"), ordering="workspace")
    def who(self, switch: Switch) -> str:
        """A workspace, or all."""
        return str(switch.workspace) if switch.workspace else _("All")

    def save_model(self, request: HttpRequest, obj: Switch, form: Any, change: bool) -> None:
        """Through the service, which tells every process."""
        given: dict[str, Any] = {"on": obj.on, "workspace_id": obj.workspace_id, "reason": obj.reason}
        obj.pk = switch_set(name=obj.name, actor_id=request.user.pk, **given).pk

    def delete_model(self, request: HttpRequest, obj: Switch) -> None:
        """Through the service as well."""
        switch_clear(switch=obj, actor_id=request.user.pk)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """One by one."""
        for switch in queryset:
            switch_clear(switch=switch, actor_id=request.user.pk)
