import { CheckField, ChoiceField } from "../../../ui/fields";
import type { Json } from "../../../ui/form";
import { LinesField } from "../../../ui/LinesField";
import { DocCheck } from "../DocFields";
import { type Doc, listAt, stringsAt, textAt } from "../document";
import { text } from "./permissions";

type Mode = keyof typeof text.modes;
type Area = keyof typeof text.names;
const AREAS = Object.keys(text.names) as Area[];
const TAB = "permission_updates";

export function PermissionsTab({ on }: { on: Doc }) {
  const areas = stringsAt(on.doc, `${TAB}.areas`);
  const toggle = (area: Area, now: boolean) => {
    // An area of a newer server stays, wherever it stood.
    const others = areas.filter((one) => one !== area);
    on.set(`${TAB}.areas`, now ? [...others, area] : others);
  };
  const remote = listAt(on.doc, `${TAB}.remote`);
  return (
    <>
      <ChoiceField
        label={text.mode}
        value={textAt(on.doc, `${TAB}.mode`) as Mode}
        fault={on.fault(`${TAB}.mode`)}
        onChange={(mode) => on.set(`${TAB}.mode`, mode)}
        choices={(["replace", "add", "leave"] as const).map((value) => ({
          value,
          label: text.modes[value],
          hint: text.modeHints[value],
        }))}
      />
      <fieldset>
        <legend>{text.areas}</legend>
        <div className="hint">{text.areasHint}</div>
        <div className="checks">
          {AREAS.map((area) => (
            <CheckField
              key={area}
              label={text.names[area]}
              checked={areas.includes(area)}
              onChange={(now) => toggle(area, now)}
            />
          ))}
        </div>
      </fieldset>
      <LinesField
        label={text.ignored}
        hint={text.ignoredHint}
        addLabel={text.addIgnored}
        mono
        lines={stringsAt(on.doc, `${TAB}.ignored`)}
        faultAt={(index) => on.fault(`${TAB}.ignored.${index}`)}
        onChange={(lines) => on.set(`${TAB}.ignored`, lines)}
      />
      <LinesField
        label={text.remote}
        hint={text.remoteHint}
        addLabel={text.addRemote}
        mono
        lines={remote.map((_, index) => textAt(on.doc, `${TAB}.remote.${index}.path`))}
        faultAt={(index) => on.fault(`${TAB}.remote.${index}.path`)}
        onChange={(lines) =>
          on.set(
            `${TAB}.remote`,
            lines.map((path): Json => ({ path })),
          )
        }
      />
      <DocCheck on={on} path={`${TAB}.whole_table`} label={text.whole} hint={text.wholeHint} />
    </>
  );
}
