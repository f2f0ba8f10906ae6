// What the test has to be told of the world around it.
import { readFile } from "node:fs/promises";

/**
 * @typedef {object} DirectorySettings
 * @property {string} [name] as it is called in the console
 * @property {string} host DNS name of a domain controller
 * @property {number} [port] 636 when absent
 * @property {"ldaps" | "start_tls"} [transport] `ldaps` when absent
 * @property {string} [address] IP address, if the name does not resolve for the server
 * @property {string} ca_pem certificate of the authority
 * @property {string} account
 * @property {string} password
 *
 * @typedef {object} Lab
 * @property {{ name: string, password: string }} [administrator] the first one, made in the set-up
 * @property {string} [customer] name of the customer environment
 * @property {DirectorySettings} source
 * @property {DirectorySettings} target
 * @property {string} join_account creates computer accounts in the target
 * @property {string} join_password
 * @property {string} return_account resets computer accounts of the source
 * @property {string} return_password
 * @property {string} [organisational_unit] of the computer accounts in the target
 * @property {string} licence
 * @property {string} issuer_public_key of the issuer whose licence it is
 * @property {string[]} devices computer names to move
 * @property {string} [agent_url] set in the settings when given
 * @property {number} [matched] rows of the Translation Table that must be matched; at least one when absent
 */

const NEEDED = [
  ...["source", "target", "join_account", "join_password", "return_account", "return_password"],
  ...["licence", "issuer_public_key", "devices"],
];

/** @returns {Promise<Lab>} */
export async function readLab(file) {
  const lab = JSON.parse(await readFile(file, "utf8"));
  for (const name of NEEDED) {
    if (!lab[name]) throw new Error(`${file} has no ${name}; its shape is in e2e/lab.mjs`);
  }
  return complete(lab);
}

/** @returns {Lab} */
export function mockLab() {
  const side = (name) => ({
    name: `Lab ${name}`,
    host: `dc1.${name}.test`,
    ca_pem: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    account: `reader@${name}.test`,
    password: "read-only-1234",
  });
  return complete({
    source: side("source"),
    target: side("target"),
    join_account: "joiner@target.test",
    join_password: "join-1234",
    return_account: "returner@source.test",
    return_password: "return-1234",
    licence: "gwl1.mock",
    issuer_public_key: "gwi1.mock",
    devices: ["PC-001"],
    matched: 208,
  });
}

function complete(lab) {
  return {
    administrator: { name: "admin", password: "a consultant with nine thousand laptops" },
    customer: "Lab customer",
    ...lab,
    source: { name: "Lab source", ...lab.source },
    target: { name: "Lab target", ...lab.target },
  };
}
