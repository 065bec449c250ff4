"""Trains a linear model on a table, logs it to the tracking server and saves it to a folder, as MLflow users do.

Usage: python log_model.py table.csv target folder
Prints as JSON what it is called there, and what it predicts for the table.
"""

import json
import sys

import mlflow
import mlflow.sklearn
import pandas
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

table = pandas.read_csv(sys.argv[1])
features = table.drop(columns=[sys.argv[2]])
model = LinearRegression().fit(features, table[sys.argv[2]])
predicted = model.predict(features)
signature = infer_signature(features, predicted)
with mlflow.start_run() as run:
    logged = mlflow.sklearn.log_model(model, name="linear", signature=signature)
mlflow.sklearn.save_model(model, sys.argv[3])
print(json.dumps({"uri": logged.model_uri, "run": run.info.run_id, "predicted": predicted.tolist()}))
