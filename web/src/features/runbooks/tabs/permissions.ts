export const text = {
  mode: "Permissions that name a mapped source",
  modes: { replace: "Add and remove", add: "Only add", leave: "Do not update" },
  modeHints: {
    replace: "The target takes the source's place. Right for workstations.",
    add: "The target stands beside the source. For servers in a long coexistence.",
    leave: "Nothing is rewritten.",
  },
  areas: "Areas",
  areasHint: "All are on; switch one off only when you know why.",
  names: {
    profiles: "Profiles",
    file_system: "File system",
    registry: "Registry",
    printers: "Printers",
    services: "Services",
    scheduled_tasks: "Scheduled tasks",
    local_groups: "Local groups",
    user_rights: "User rights",
    shares: "File shares",
    sql_server: "SQL Server logins",
    iis: "IIS identities",
  },
  ignored: "Areas to ignore",
  ignoredHint:
    "Paths that are left alone. *: is every drive, * matches within a name, variables are resolved on the device.",
  addIgnored: "Add a path",
  remote: "Remote permissions",
  remoteHint: "Shares on other hosts that are rewritten too: \\\\host\\share.",
  addRemote: "Add a share",
  whole: "Hand the whole Translation Table to the device",
  wholeHint:
    "For file servers only. Otherwise a device learns no more than the pairs whose SIDs it has seen.",
};
