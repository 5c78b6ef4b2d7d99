"""What was said on a case is append-only in the database itself (style rule 9)."""

from django.db import migrations

from audit.triggers import AppendOnly


class Migration(migrations.Migration):
    dependencies = [("promotions", "0005_every_job_has_a_dataset")]
    operations = [AppendOnly("promotions_casecomment")]
