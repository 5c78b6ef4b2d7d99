"""The seven built-in policy labels of design §6, as rows that admins manage from then on."""

from django.db import migrations

from datasets.policy.labels import BUILT_IN_LABELS


def seed(apps, schema_editor):
    label = apps.get_model("datasets", "PolicyLabel")
    for facts in BUILT_IN_LABELS.values():
        label.objects.create(
            name=facts.name,
            title=facts.title,
            meaning=facts.meaning,
            readers=list(facts.readers),
            qa_readers=list(facts.qa_readers),
            sign_off_roles=list(facts.sign_off_roles),
            default_obligations=[o.as_json() for o in facts.default_obligations],
            tightness=facts.tightness,
            opened_by_grant=facts.opened_by_grant,
            releasable=facts.releasable,
            colour=facts.colour,
            built_in=True,
        )


class Migration(migrations.Migration):
    dependencies = [("datasets", "0002_append_only_records")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
