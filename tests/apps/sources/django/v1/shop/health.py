from django.contrib.flatpages.models import FlatPage
from django.http import HttpResponse


def up(request):
    return HttpResponse(f"healthy, {FlatPage.objects.count()} pages")


def watch(get_response):
    return get_response
