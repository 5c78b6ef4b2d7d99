from django.db import migrations

from audit.triggers import AppendOnly


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_ledger_tables")]

    operations = [
        AppendOnly("audit_ledgerentry", key="index"),
        AppendOnly("audit_ledgernode"),
        AppendOnly("audit_checkpoint"),
    ]
