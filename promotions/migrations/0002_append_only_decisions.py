"""What was decided is append-only in the database itself (style rule 9)."""

from django.db import migrations

from audit.triggers import AppendOnly

TABLES = (
    "promotions_transition",
    "promotions_dossier",
    "promotions_evaluation",
    "promotions_signoff",
    "promotions_release",
    "promotions_releaseapproval",
    "promotions_tombstone",
    "promotions_jobline",
)


class Migration(migrations.Migration):
    dependencies = [("promotions", "0001_initial")]
    operations = [AppendOnly(table) for table in TABLES]
