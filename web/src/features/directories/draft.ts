// The form of a directory and the body that is sent for it.
import type { CertificateTrust, Directory, DirectoryInput } from "../../api/types";

export type Draft = {
  name: string;
  host: string;
  address: string;
  port: number;
  transport: "ldaps" | "start_tls";
  trust: CertificateTrust["kind"];
  pem: string;
  pin: string;
  account: string;
  password: string;
  base_dn: string;
  extra_attributes: string[];
};

export const PORTS = { ldaps: 636, start_tls: 389 } as const;

export function draftOf(directory: Directory | undefined): Draft {
  const connection = directory?.connection;
  const trust = connection?.trust;
  return {
    name: directory?.name ?? "",
    host: connection?.host ?? "",
    address: connection?.address ?? "",
    port: connection?.port ?? PORTS.ldaps,
    transport: connection?.transport ?? "ldaps",
    trust: trust?.kind ?? "system",
    pem: trust?.kind === "ca" ? trust.pem : "",
    pin: trust?.kind === "pin" ? trust.sha256 : "",
    account: connection?.account ?? "",
    password: "",
    base_dn: connection?.base_dn ?? "",
    extra_attributes: connection?.extra_attributes ?? [],
  };
}

export function inputOf(draft: Draft): DirectoryInput {
  return {
    name: draft.name,
    connection: {
      kind: "active_directory",
      host: draft.host.trim(),
      address: draft.address.trim() || null,
      port: draft.port,
      transport: draft.transport,
      trust: trustOf(draft),
      account: draft.account.trim(),
      base_dn: draft.base_dn.trim(),
      extra_attributes: draft.extra_attributes.map((one) => one.trim()).filter(Boolean),
    },
    // Absent keeps the stored one.
    ...(draft.password === "" ? {} : { password: draft.password }),
  };
}

function trustOf(draft: Draft): CertificateTrust {
  if (draft.trust === "ca") return { kind: "ca", pem: draft.pem };
  if (draft.trust === "pin") return { kind: "pin", sha256: draft.pin };
  return { kind: "system" };
}

/** The port follows the protection as long as it is the usual one. */
export function withTransport(draft: Draft, transport: Draft["transport"]): Partial<Draft> {
  const usual = draft.port === PORTS[draft.transport];
  return { transport, port: usual ? PORTS[transport] : draft.port };
}
