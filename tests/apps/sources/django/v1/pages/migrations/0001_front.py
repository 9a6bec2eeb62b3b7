from django.db import migrations


def write(apps, schema):
    page = apps.get_model("flatpages", "FlatPage").objects.create(url="/", title="Shop", content="Everything must go.")
    page.sites.add(apps.get_model("sites", "Site").objects.get_or_create(id=1, defaults={"domain": "localhost", "name": "shop"})[0])


class Migration(migrations.Migration):
    dependencies = [("flatpages", "0001_initial"), ("sites", "0002_alter_domain_unique")]
    operations = [migrations.RunPython(write, migrations.RunPython.noop)]
