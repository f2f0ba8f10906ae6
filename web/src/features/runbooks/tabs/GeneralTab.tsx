import { CheckField, SelectField } from "../../../ui/fields";
import { useDirectoryOptions } from "../../directories/queries";
import { DocArea, DocCheck, DocText } from "../DocFields";
import { type Doc, isChosen, stringsAt, textAt } from "../document";
import { useRunbooks } from "../queries";
import { text } from "./general";

export function GeneralTab({ on, self }: { on: Doc; self?: string }) {
  const directories = useDirectoryOptions();
  const runbooks = (useRunbooks().data ?? []).filter((one) => one.id !== self);
  const target = textAt(on.doc, "general.target");
  return (
    <>
      <DocText on={on} path="general.name" label={text.name} required />
      <DocArea on={on} path="general.description" label={text.description} rows={2} />
      <Several
        on={on}
        path="general.sources"
        legend={text.sources}
        hint={text.sourcesHint}
        options={directories}
        none={text.noDirectories}
      />
      <SelectField
        label={text.target}
        hint={text.targetHint}
        required
        options={directories}
        value={isChosen(target) ? target : ""}
        fault={on.fault("general.target") ?? on.fault("general")}
        onChange={(value) => on.set("general.target", value)}
      />
      <DocCheck on={on} path="general.allow_server_os" label={text.server} hint={text.serverHint} />
      <Several
        on={on}
        path="general.prerequisites"
        legend={text.prerequisites}
        hint={text.prerequisitesHint}
        options={runbooks.map((one) => ({ value: one.id, label: one.name }))}
        none={text.noPrerequisites}
      />
    </>
  );
}

type SeveralProps = {
  on: Doc;
  path: string;
  legend: string;
  hint: string;
  options: { value: string; label: string }[];
  none: string;
};

function Several({ on, path, legend, hint, options, none }: SeveralProps) {
  const chosen = stringsAt(on.doc, path).filter(isChosen);
  const fault = on.fault(path);
  return (
    <fieldset>
      <legend>{legend}</legend>
      <div className="hint">{hint}</div>
      {options.length === 0 && <p className="muted">{none}</p>}
      {options.map((option) => (
        <CheckField
          key={option.value}
          label={option.label}
          checked={chosen.includes(option.value)}
          onChange={(now) =>
            on.set(
              path,
              (now ? [...chosen, option.value] : chosen.filter((one) => one !== option.value)).toSorted(),
            )
          }
        />
      ))}
      {fault && <div className="fault">{fault}</div>}
    </fieldset>
  );
}
