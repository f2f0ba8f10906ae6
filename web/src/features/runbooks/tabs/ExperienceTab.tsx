import { useState } from "react";
import { Button } from "../../../ui/Button";
import { TextField } from "../../../ui/fields";
import { at } from "../../../ui/form";
import { DocArea, DocOptionalText, DocText } from "../DocFields";
import type { Doc } from "../document";
import { text } from "./experience";

const DIALOGS = Object.keys(text.dialogs) as (keyof typeof text.dialogs)[];
const TEXTS = "user_experience.texts";

export function ExperienceTab({ on }: { on: Doc }) {
  const [language, setLanguage] = useState("");
  const found = at(on.doc, TEXTS);
  const texts = typeof found === "object" && found !== null && !Array.isArray(found) ? found : {};
  const add = () => {
    const tag = language.trim();
    if (tag && !tag.includes(".") && !(tag in texts)) on.set(TEXTS, { ...texts, [tag]: {} });
    setLanguage("");
  };
  const remove = (tag: string) => {
    const { [tag]: _, ...others } = texts;
    on.set(TEXTS, others);
  };
  return (
    <>
      <DocText on={on} path="user_experience.company_name" label={text.company} />
      <DocOptionalText on={on} path="user_experience.logo" label={text.logo} mono />
      <DocText on={on} path="user_experience.support_contact" label={text.contact} />
      <DocArea on={on} path="user_experience.instructions" label={text.instructions} rows={3} />
      <fieldset>
        <legend>{text.wording}</legend>
        <div className="hint">{text.wordingHint}</div>
        {Object.keys(texts).map((tag) => (
          <details key={tag} className="choice">
            <summary>{tag}</summary>
            <div className="stack">
              {DIALOGS.map((dialog) => (
                <Dialog key={dialog} on={on} tag={tag} dialog={dialog} />
              ))}
              <div>
                <Button small look="danger" onClick={() => remove(tag)}>
                  {text.remove(tag)}
                </Button>
              </div>
            </div>
          </details>
        ))}
        <TextField label={text.language} hint={text.languageHint} value={language} onChange={setLanguage} />
        <div>
          <Button small disabled={language.trim() === ""} onClick={add}>
            {text.add}
          </Button>
        </div>
      </fieldset>
    </>
  );
}

function Dialog({ on, tag, dialog }: { on: Doc; tag: string; dialog: keyof typeof text.dialogs }) {
  const path = `${TEXTS}.${tag}.${dialog}`;
  return (
    <fieldset>
      <legend>{text.heading(tag, text.dialogs[dialog])}</legend>
      <DocText on={on} path={`${path}.title`} label={text.title} />
      <DocArea on={on} path={`${path}.body`} label={text.body} rows={2} />
      <DocOptionalText on={on} path={`${path}.help_url`} label={text.help} />
    </fieldset>
  );
}
