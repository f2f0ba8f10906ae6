export const text = {
  leave: "Leave",
  leaves: {
    none: "Nothing",
    entra: "Entra",
    active_directory: "Active Directory",
    all: "All directories",
  },
  join: "Join",
  joins: { none: "Nothing", active_directory: "Active Directory", entra: "Entra" },
  joinHints: {
    none: "The device stays where it is.",
    active_directory:
      "The server prepares the computer account; the device gets only its own secret. Hybrid devices join Active Directory too.",
    entra: "By the bulk enrolment token of the target directory.",
  },
  ou: "Organisational unit of the computer account",
  ouHint: "Distinguished name. Empty: the directory's default container.",
  reuse: "Use a computer account that exists already",
  reuseHint: "Off: an existing account of the same name is a refusal.",
  account: "Join account",
  accountHint:
    "Creates or resets the computer account in the target: user@domain. It works on the server and never reaches a device.",
  password: "Password of the join account",
  stored: "Stored. Leave it empty to keep it.",
  notStored: "Kept sealed on the server, beside the document.",
  offline: "Join without reaching a domain controller",
  offlineHint:
    "Needs users' cached credentials from a prerequisite runbook, and a trust between the directories.",
  cache: "Cache the user's target credential ahead of time",
  cacheHint: "Only in a prerequisite runbook of an offline join.",
  intune: "Enrol to Intune",
  intuneHint: "Tried hourly until it works.",
  rename: "New computer name",
  renameHint: "%SERIAL% is the serial number, %RAND:4% four random characters. Empty keeps the name.",
  wayBack: "Way back",
  wayBackHint:
    "If the target is not reached, the device joins the source again and everything is undone from what was saved.",
  returnAccount: "Return account",
  returnAccountHint:
    "May reset the computer accounts of the source. Empty: the source directory's own account is used, which needs that right.",
  returnPassword: "Password of the return account",
  budget: "Minutes within which the target must be reached and verified",
  forwardOnly: "Start even if the device could not come back",
  forwardOnlyHint:
    "Only with a good reason: a device that cannot reach the target stays in no directory until somebody looks.",
};
