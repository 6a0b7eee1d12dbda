# Wrong answers to lesson 09e, with a part of what a check says to each.

# exercise 1: expected the example rows as an object with a value
def describe_api(artifact):
    with current_app.open_resource("openapi.json") as file:
        api = json.load(file)
    contract, parts = artifact.contract, api["components"]
    text = f"{contract['question']} For {contract['decision']['owner']}."
    api["info"] = {"title": contract["title"], "version": artifact.version, "description": text}
    words = ["act", "leave"] if artifact.threshold is not None else artifact.labels
    parts["schemas"].update(describe_rows(contract, list(artifact.features.columns)))
    parts["schemas"]["Prediction"]["properties"]["decision"] = {"enum": words}
    parts["schemas"]["Label"]["properties"]["label"] = {"enum": artifact.labels}
    parts["examples"] = give_examples(artifact)
    return api

# exercise 1: without a threshold the decision is a label
def describe_api(artifact):
    with current_app.open_resource("openapi.json") as file:
        api = json.load(file)
    contract, parts = artifact.contract, api["components"]
    text = f"{contract['question']} For {contract['decision']['owner']}."
    api["info"] = {"title": contract["title"], "version": artifact.version, "description": text}
    parts["schemas"].update(describe_rows(contract, list(artifact.features.columns)))
    parts["schemas"]["Prediction"]["properties"]["decision"] = {"enum": ["act", "leave"]}
    parts["schemas"]["Label"]["properties"]["label"] = {"enum": artifact.labels}
    parts["examples"] = {name: {"value": v} for name, v in give_examples(artifact).items()}
    return api

# exercise 1: referred to, and not there
def describe_api(artifact):
    with current_app.open_resource("openapi.json") as file:
        api = json.load(file)
    contract, parts = artifact.contract, api["components"]
    text = f"{contract['question']} For {contract['decision']['owner']}."
    api["info"] = {"title": contract["title"], "version": artifact.version, "description": text}
    parts["schemas"] = describe_rows(contract, list(artifact.features.columns))
    parts["examples"] = {name: {"value": v} for name, v in give_examples(artifact).items()}
    return api

# exercise 1: the contract has more columns than the model looks at
def describe_api(artifact):
    with current_app.open_resource("openapi.json") as file:
        api = json.load(file)
    contract, parts = artifact.contract, api["components"]
    text = f"{contract['question']} For {contract['decision']['owner']}."
    api["info"] = {"title": contract["title"], "version": artifact.version, "description": text}
    parts["schemas"].update(describe_rows(contract, list(contract["columns"])))
    words = ["act", "leave"] if artifact.threshold is not None else artifact.labels
    parts["schemas"]["Prediction"]["properties"]["decision"] = {"enum": words}
    parts["schemas"]["Label"]["properties"]["label"] = {"enum": artifact.labels}
    parts["examples"] = {name: {"value": v} for name, v in give_examples(artifact).items()}
    return api

# exercise 2: it has no branch for 'ask'
UNANNOUNCED = [
    "carrier may be left out",
    "destination is accepted, and not needed",
    "each prediction has a reason, too",
    "a third decision: ask",
]

# exercise 2: it sends tail
UNANNOUNCED = ["tail is refused, nobody should send it", "carrier may be left out"]

# exercise 2: all three programs run on
UNANNOUNCED = []
