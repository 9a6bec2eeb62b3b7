import flask

app = flask.Flask(__name__)


@app.route("/ping")
def ping():
    return "pong"
