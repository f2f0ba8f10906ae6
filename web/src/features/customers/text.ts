export const text = {
  title: "Customers",
  lead: "One environment per customer: directories, runbooks, batches, devices and keys belong to exactly one. The choice at the top of the page opens another one.",
  list: "Customer environments",
  columns: { name: "Name", made: "Made", rename: "Rename" },
  open: "open",
  empty: "No customer environment yet",
  emptyText: "Make the first one below.",
  add: "Add a customer environment",
  name: "Name",
  newName: (name: string) => `New name of ${name}`,
  submit: "Add",
  rename: "Rename",
};
