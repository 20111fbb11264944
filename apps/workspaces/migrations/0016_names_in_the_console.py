from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("workspaces", "0015_mails"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="membership",
            options={"verbose_name": "membership", "verbose_name_plural": "memberships"},
        ),
        migrations.AlterModelOptions(
            name="workspace",
            options={"verbose_name": "workspace", "verbose_name_plural": "workspaces"},
        ),
    ]
