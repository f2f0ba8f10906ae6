import { CheckField, ChoiceField } from "../../../ui/fields";
import { at } from "../../../ui/form";
import { DocCheck, DocNumber, DocOptionalText, DocText } from "../DocFields";
import { type Doc, textAt } from "../document";
import { text } from "./startup";

type Interaction = keyof typeof text.interactions;
const FALLBACK = { name: "GodwitFallback", remove_after_days: 5 };
const SCRIPT = { name: "", sha256: "", time_limit_seconds: 600, must_succeed: true };

export function StartupTab({ on }: { on: Doc }) {
  const fallback = "startup.fallback_administrator";
  const script = "startup.pre_script";
  const has = (path: string) => (at(on.doc, path) ?? null) !== null;
  return (
    <>
      <ChoiceField
        label={text.interaction}
        value={textAt(on.doc, "startup.interaction") as Interaction}
        fault={on.fault("startup.interaction")}
        onChange={(value) => on.set("startup.interaction", value)}
        choices={(["silent", "partial", "full"] as const).map((value) => ({
          value,
          label: text.interactions[value],
          hint: text.interactionHints[value],
        }))}
      />
      <DocCheck on={on} path="startup.set_in_progress_image" label={text.lockScreen} />
      {at(on.doc, "startup.set_in_progress_image") === true && (
        <DocOptionalText
          on={on}
          path="startup.in_progress_image"
          label={text.image}
          hint={text.imageHint}
          mono
        />
      )}
      <DocCheck on={on} path="startup.set_legal_notice" label={text.notice} hint={text.noticeHint} />
      <DocCheck on={on} path="startup.prevent_login" label={text.prevent} hint={text.preventHint} />
      <CheckField
        label={text.fallback}
        hint={text.fallbackHint}
        checked={has(fallback)}
        onChange={(now) => on.set(fallback, now ? FALLBACK : null)}
      />
      {has(fallback) && (
        <div className="pair">
          <DocText on={on} path={`${fallback}.name`} label={text.fallbackName} required />
          <DocNumber
            on={on}
            path={`${fallback}.remove_after_days`}
            label={text.fallbackDays}
            min={0}
            max={365}
          />
        </div>
      )}
      <CheckField
        label={text.script}
        hint={text.scriptHint}
        checked={has(script)}
        onChange={(now) => on.set(script, now ? SCRIPT : null)}
      />
      {has(script) && (
        <>
          <div className="pair">
            <DocText on={on} path={`${script}.name`} label={text.scriptName} required />
            <DocNumber on={on} path={`${script}.time_limit_seconds`} label={text.limit} min={1} max={86400} />
          </div>
          <DocText on={on} path={`${script}.sha256`} label={text.scriptHash} required mono />
          <DocCheck on={on} path={`${script}.must_succeed`} label={text.must} />
        </>
      )}
    </>
  );
}
