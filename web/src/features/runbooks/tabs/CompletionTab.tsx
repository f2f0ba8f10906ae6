import { Button } from "../../../ui/Button";
import { DocCheck, DocNumber, DocText } from "../DocFields";
import { type Doc, listAt } from "../document";
import { text } from "./completion";

const PACKAGES = "completion.packages";
const NEW = { name: "", sha256: "", command_line: "cmdline.cmd", time_limit_seconds: 600 };

export function CompletionTab({ on }: { on: Doc }) {
  const packages = listAt(on.doc, PACKAGES);
  return (
    <>
      <fieldset>
        <legend>{text.packages}</legend>
        <div className="hint">{text.packagesHint}</div>
        {packages.map((_, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: packages have no identity but their place.
          <fieldset key={index} className="choice">
            <legend>{text.package(index + 1)}</legend>
            <div className="pair">
              <DocText on={on} path={`${PACKAGES}.${index}.name`} label={text.name} required />
              <DocNumber
                on={on}
                path={`${PACKAGES}.${index}.time_limit_seconds`}
                label={text.limit}
                min={1}
                max={86400}
              />
            </div>
            <DocText on={on} path={`${PACKAGES}.${index}.command_line`} label={text.command} required mono />
            <DocText on={on} path={`${PACKAGES}.${index}.sha256`} label={text.hash} required mono />
            <div>
              <Button
                small
                onClick={() =>
                  on.set(
                    PACKAGES,
                    packages.filter((_, other) => other !== index),
                  )
                }
              >
                {text.remove(index + 1)}
              </Button>
            </div>
          </fieldset>
        ))}
        <div>
          <Button small onClick={() => on.set(PACKAGES, [...packages, NEW])}>
            {text.add}
          </Button>
        </div>
      </fieldset>
      <DocCheck on={on} path="completion.uninstall_agent" label={text.uninstall} hint={text.uninstallHint} />
    </>
  );
}
