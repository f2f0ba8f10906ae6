import { faultOf } from "../../api/problem";
import { AreaField, ChoiceField, NumberField, TextField } from "../../ui/fields";
import { LinesField } from "../../ui/LinesField";
import { type Draft, withTransport } from "./draft";
import { text } from "./text";

type Props = { draft: Draft; set: (change: Partial<Draft>) => void; error: unknown; passwordSet: boolean };

export function DirectoryFields({ draft, set, error, passwordSet }: Props) {
  const fault = (field: string) => faultOf(error, field);
  return (
    <>
      <TextField
        label={text.name}
        hint={text.nameHint}
        required
        value={draft.name}
        fault={fault("name")}
        onChange={(name) => set({ name })}
      />
      <TextField
        label={text.host}
        hint={text.hostHint}
        required
        value={draft.host}
        fault={fault("connection.host")}
        onChange={(host) => set({ host })}
      />
      <ChoiceField
        label={text.transport}
        value={draft.transport}
        fault={fault("connection.transport")}
        onChange={(transport) => set(withTransport(draft, transport))}
        choices={(["ldaps", "start_tls"] as const).map((value) => ({
          value,
          label: text.transports[value],
          hint: text.transportHints[value],
        }))}
      />
      <div className="pair">
        <NumberField
          label={text.port}
          required
          min={1}
          max={65535}
          value={draft.port}
          fault={fault("connection.port")}
          onChange={(port) => set({ port })}
        />
        <TextField
          label={text.address}
          hint={text.addressHint}
          value={draft.address}
          fault={fault("connection.address")}
          onChange={(address) => set({ address })}
        />
      </div>
      <ChoiceField
        label={text.trust}
        value={draft.trust}
        fault={fault("connection.trust")}
        onChange={(trust) => set({ trust })}
        choices={(["system", "ca", "pin"] as const).map((value) => ({
          value,
          label: text.trusts[value],
          hint: text.trustHints[value],
        }))}
      />
      {draft.trust === "ca" && (
        <AreaField
          label={text.pem}
          required
          mono
          rows={8}
          placeholder="-----BEGIN CERTIFICATE-----"
          value={draft.pem}
          fault={fault("connection.trust.pem")}
          onChange={(pem) => set({ pem })}
        />
      )}
      {draft.trust === "pin" && (
        <TextField
          label={text.pin}
          required
          mono
          value={draft.pin}
          fault={fault("connection.trust.sha256")}
          onChange={(pin) => set({ pin })}
        />
      )}
      <div className="pair">
        <TextField
          label={text.account}
          hint={text.accountHint}
          required
          value={draft.account}
          fault={fault("connection.account")}
          onChange={(account) => set({ account })}
        />
        <TextField
          label={text.password}
          hint={passwordSet ? text.passwordKept : undefined}
          type="password"
          autoComplete="new-password"
          required={!passwordSet}
          value={draft.password}
          fault={fault("password")}
          onChange={(password) => set({ password })}
        />
      </div>
      <TextField
        label={text.baseDn}
        hint={text.baseDnHint}
        value={draft.base_dn}
        fault={fault("connection.base_dn")}
        onChange={(base_dn) => set({ base_dn })}
      />
      <LinesField
        label={text.attributes}
        hint={text.attributesHint}
        addLabel={text.addAttribute}
        lines={draft.extra_attributes}
        faultAt={(index) => fault(`connection.extra_attributes.${index}`)}
        onChange={(extra_attributes) => set({ extra_attributes })}
      />
    </>
  );
}
