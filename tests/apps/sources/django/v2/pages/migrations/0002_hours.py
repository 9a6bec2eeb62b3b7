from django.db import migrations


def write(apps, schema):
    page = apps.get_model("flatpages", "FlatPage").objects.create(url="/hours/", title="Hours", content="Nine to five.")
    page.sites.add(apps.get_model("sites", "Site").objects.get_or_create(id=1, defaults={"domain": "localhost", "name": "shop"})[0])


class Migration(migrations.Migration):
    dependencies = [("pages", "0001_front")]
    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
