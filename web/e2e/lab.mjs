// What the test has to be told of the world around it.
import { readFile } from "node:fs/promises";

/**
 * @typedef {object} DirectorySettings
 * @property {string} name as it is called in the console
 * @property {string} host DNS name of a domain controller
 * @property {number} [port] 636 when absent
 * @property {"ldaps" | "start_tls"} [transport] `ldaps` when absent
 * @property {string} [address] IP address, if the name does not resolve for the server
 * @property {string} ca_pem certificate of the authority
 * @property {string} account
 * @property {string} password
 *
 * @typedef {object} Credential
 * @property {string} account
 * @property {string} password
 *
 * @typedef {object} Lab
 * @property {DirectorySettings} source
 * @property {DirectorySettings} target
 * @property {Credential} join creates computer accounts in the target
 * @property {Credential} return resets computer accounts of the source
 * @property {string} [organisational_unit] of the computer accounts in the target
 * @property {string} licence
 * @property {{ name?: string, public_key: string }} issuer whose licence it is
 * @property {string[]} devices computer names to move
 * @property {string} [agent_url] set in the settings when given
 * @property {number} [matched] rows of the Translation Table that must be matched; at least one when absent
 */

/** @returns {Promise<Lab>} */
export async function readLab(file) {
  const lab = JSON.parse(await readFile(file, "utf8"));
  for (const name of ["source", "target", "join", "return", "licence", "issuer", "devices"]) {
    if (!lab[name]) throw new Error(`${file} has no ${name}; its shape is in e2e/lab.mjs`);
  }
  return lab;
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
  return {
    source: side("source"),
    target: side("target"),
    join: { account: "joiner@target.test", password: "join-1234" },
    return: { account: "returner@source.test", password: "return-1234" },
    licence: "gwl1.mock",
    issuer: { public_key: "gwi1.mock" },
    devices: ["PC-001"],
    matched: 208,
  };
}
