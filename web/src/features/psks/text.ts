export const text = {
  title: "Pre-shared keys",
  lead: "The installer carries one. It admits an agent to enrol and names the root that the agent believes; it is never enough to be trusted, because many people can read it.",
  form: "Make a key",
  name: "What it is for",
  nameHint: "Such as “Pilot devices” or “Intune deployment”.",
  policy: "How an agent becomes trusted",
  policyHint: "Must be chosen; there is no default.",
  policies: {
    approve: "An administrator approves",
    first_claim: "The first to claim an imported computer gets it",
    proof: "Proof by the machine account (not offered yet)",
  },
  policyHints: {
    approve:
      "Each agent waits on the page Devices until somebody approves it, one by one or in bulk. The careful choice.",
    first_claim:
      "No waiting. A second machine that claims the same computer is held as a conflict for you to decide. For test devices, and networks where nobody else can reach this server.",
    proof: "The device proves itself to its directory. Comes later.",
  },
  expires: "Stops admitting at",
  expiresHint: "Optional. Without it, when it is revoked.",
  submit: "Make the key",
  createdTitle: "The key, shown this one time",
  createdText:
    "Give it to your deployment tool now. It cannot be shown again; make another one if it is lost.",
  key: "Pre-shared key",
  url: "URL",
  command: "Install command",
  done: "I have taken it",
  list: "Keys",
  empty: "No key yet",
  emptyText:
    "Make one above; the agent's installer needs it. The Migration Agent certificate is made with the customer and is there already.",
  columns: {
    name: "For",
    policy: "Trust",
    made: "Made",
    until: "Until",
    enrolled: "Agents enrolled",
    action: "Action",
  },
  always: "it is revoked",
  revoke: "Revoke",
  revokeTitle: "Revoke this key?",
  revokeText: "No further agent can enrol with it. Agents that enrolled before stay trusted.",
  revoked: "Revoked",
};
