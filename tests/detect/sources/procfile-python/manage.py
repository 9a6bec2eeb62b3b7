os.environ["DJANGO_SETTINGS_MODULE"]
import django.core.management
