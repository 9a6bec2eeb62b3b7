from fastapi import FastAPI

from app.data import rows

app: FastAPI = FastAPI(title="api")
