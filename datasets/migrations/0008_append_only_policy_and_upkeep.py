"""Policy bundles, drift checks and link checks are append-only in the database itself (style rule 9)."""

from django.db import migrations

from audit.triggers import AppendOnly


class Migration(migrations.Migration):
    dependencies = [("datasets", "0007_policy_changes_grants_embargoes_and_upkeep")]
    operations = [
        AppendOnly("datasets_policybundle", key="digest"),
        AppendOnly("datasets_driftcheck"),
        AppendOnly("datasets_linkcheck"),
    ]
