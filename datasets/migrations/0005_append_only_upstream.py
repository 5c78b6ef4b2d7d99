"""What was observed upstream, and what was received, is append-only in the database itself (style rule 9)."""

from django.db import migrations

from audit.triggers import AppendOnly

TABLES = (
    "datasets_fetchattempt",
    "datasets_lineageevent",
    "datasets_submittedfile",
    "datasets_termsacceptance",
    "datasets_termsobservation",
)


class Migration(migrations.Migration):
    dependencies = [("datasets", "0004_sources_terms_and_submitted_runs")]
    operations = [AppendOnly(table) for table in TABLES]
