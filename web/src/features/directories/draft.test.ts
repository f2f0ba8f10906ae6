import { describe, expect, it } from "vitest";
import type { Directory } from "../../api/types";
import { draftOf, inputOf, withTransport } from "./draft";

const stored: Directory = {
  id: "dir_1",
  name: "Source",
  connection: {
    kind: "active_directory",
    host: "dc1.source.test",
    address: "10.97.0.11",
    port: 636,
    transport: "ldaps",
    trust: { kind: "ca", pem: "PEM" },
    account: "reader@source.test",
    base_dn: "DC=source,DC=test",
    extra_attributes: ["employeeID"],
  },
  domain: "source.test",
  password_set: true,
  counts: { users: 0, groups: 0, computers: 0 },
  version: 3,
};

describe("a directory's form", () => {
  it("sends back what was stored, without a password", () => {
    const input = inputOf(draftOf(stored));
    expect(input).toEqual({ name: stored.name, connection: stored.connection });
    expect("password" in input).toBe(false);
  });

  it("sends a password only when one was typed", () => {
    expect(inputOf({ ...draftOf(stored), password: "new" }).password).toBe("new");
  });

  it("drops empty lines and leaves out an empty address", () => {
    const { connection } = inputOf({ ...draftOf(stored), address: " ", extra_attributes: ["", " mail "] });
    expect(connection).toMatchObject({ address: null, extra_attributes: ["mail"] });
  });

  it("moves the port along with the protection while it is the usual one", () => {
    const draft = draftOf(undefined);
    expect(withTransport(draft, "start_tls").port).toBe(389);
    expect(withTransport({ ...draft, port: 3269 }, "start_tls").port).toBe(3269);
  });
});
