"""Records of fact are append-only in the database itself (style rule 9)."""

from django.db import migrations

from audit.triggers import AppendOnly

TABLES = {
    "datasets_artifact": "digest",
    "datasets_acquisition": "id",
    "datasets_datasetspec": "id",
    "datasets_policydecision": "decision_id",
    "datasets_runreceipt": "run_id",
    "datasets_versionartifact": "id",
}


class Migration(migrations.Migration):
    dependencies = [("datasets", "0001_initial")]
    operations = [AppendOnly(table, key=key) for table, key in TABLES.items()]
