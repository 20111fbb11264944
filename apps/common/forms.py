"""How forms draw themselves: every field through ``templates/components/field.html``."""

from __future__ import annotations

from django.forms.renderers import TemplatesSetting


class Renderer(TemplatesSetting):
    """``{{ form }}`` anywhere gives labels, help, errors and controls in the look of the site."""

    form_template_name = "components/form.html"
    field_template_name = "components/field.html"
