import type { Runbook } from "../../../api/types";
import { ChoiceField, TextField } from "../../../ui/fields";
import { DocCheck, DocNumber, DocOptionalText, DocSelect, DocText } from "../DocFields";
import { AD_JOIN, type Doc, textAt } from "../document";
import type { Passwords } from "../RunbookEditor";
import { text } from "./device-state";

type JoinKind = keyof typeof text.joins;
type Props = {
  on: Doc;
  runbook?: Runbook;
  passwords: Passwords;
  setPasswords: (passwords: Passwords) => void;
};

export function DeviceStateTab({ on, runbook, passwords, setPasswords }: Props) {
  const kind = textAt(on.doc, "device_state.join.kind") as JoinKind;
  const join = (next: JoinKind) => {
    if (next === kind) return;
    const values = {
      none: { kind: next },
      active_directory: AD_JOIN,
      entra: { kind: next, enrol_to_intune: true },
    };
    on.set("device_state.join", values[next]);
  };
  const back = "device_state.way_back";
  return (
    <>
      <DocSelect
        on={on}
        path="device_state.leave"
        label={text.leave}
        options={(["none", "active_directory", "entra", "all"] as const).map((value) => ({
          value,
          label: text.leaves[value],
        }))}
      />
      <ChoiceField
        label={text.join}
        value={kind}
        fault={on.fault("device_state.join")}
        onChange={join}
        choices={(["none", "active_directory", "entra"] as const).map((value) => ({
          value,
          label: text.joins[value],
          hint: text.joinHints[value],
        }))}
      />
      {kind === "active_directory" && (
        <AdJoin on={on} runbook={runbook} passwords={passwords} setPasswords={setPasswords} />
      )}
      {kind === "entra" && (
        <DocCheck
          on={on}
          path="device_state.join.enrol_to_intune"
          label={text.intune}
          hint={text.intuneHint}
        />
      )}
      <DocOptionalText on={on} path="device_state.rename" label={text.rename} hint={text.renameHint} />
      <fieldset className="stack">
        <legend>{text.wayBack}</legend>
        <p className="hint">{text.wayBackHint}</p>
        <div className="pair">
          <DocText
            on={on}
            path={`${back}.return_account`}
            label={text.returnAccount}
            hint={text.returnAccountHint}
          />
          <TextField
            label={text.returnPassword}
            hint={runbook?.return_password_set ? text.stored : text.notStored}
            type="password"
            autoComplete="new-password"
            value={passwords.way_back}
            fault={on.fault("return_password")}
            onChange={(way_back) => setPasswords({ ...passwords, way_back })}
          />
        </div>
        <DocNumber on={on} path={`${back}.time_budget_minutes`} label={text.budget} min={1} />
        <DocCheck
          on={on}
          path={`${back}.forward_only`}
          label={text.forwardOnly}
          hint={text.forwardOnlyHint}
        />
      </fieldset>
    </>
  );
}

function AdJoin({ on, runbook, passwords, setPasswords }: Props) {
  const join = "device_state.join";
  return (
    <>
      <div className="pair">
        <DocText on={on} path={`${join}.join_account`} label={text.account} hint={text.accountHint} />
        <TextField
          label={text.password}
          hint={runbook?.join_password_set ? text.stored : text.notStored}
          type="password"
          autoComplete="new-password"
          value={passwords.join}
          fault={on.fault("join_password")}
          onChange={(value) => setPasswords({ ...passwords, join: value })}
        />
      </div>
      <DocText on={on} path={`${join}.organisational_unit`} label={text.ou} hint={text.ouHint} />
      <DocCheck on={on} path={`${join}.reuse_existing_account`} label={text.reuse} hint={text.reuseHint} />
      <DocCheck on={on} path={`${join}.offline`} label={text.offline} hint={text.offlineHint} />
      <DocCheck on={on} path={`${join}.cache_user_credentials`} label={text.cache} hint={text.cacheHint} />
    </>
  );
}
