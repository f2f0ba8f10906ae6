import { Button } from "../../../ui/Button";
import { LinesField } from "../../../ui/LinesField";
import { DocCheck, DocText } from "../DocFields";
import { type Doc, listAt, stringsAt } from "../document";
import { text } from "./apps";

const TAB = "app_reconfiguration";
const HOSTS = `${TAB}.aip_hosts`;

export function AppsTab({ on }: { on: Doc }) {
  const hosts = listAt(on.doc, HOSTS);
  return (
    <>
      <p className="muted">{text.lead}</p>
      <DocCheck on={on} path={`${TAB}.office.reset`} label={text.office} />
      <DocCheck on={on} path={`${TAB}.outlook.reset`} label={text.outlook} />
      <DocCheck on={on} path={`${TAB}.outlook.zero_config_exchange`} label={text.zero} />
      <DocCheck on={on} path={`${TAB}.teams.reset`} label={text.teams} />
      <DocCheck on={on} path={`${TAB}.reset_edge`} label={text.edge} />
      <fieldset className="stack">
        <legend>{text.onedrive}</legend>
        <LinesField
          label={text.tenants}
          hint={text.tenantsHint}
          addLabel={text.addTenant}
          mono
          lines={stringsAt(on.doc, `${TAB}.onedrive.source_tenants`)}
          onChange={(lines) => on.set(`${TAB}.onedrive.source_tenants`, lines)}
        />
        <DocCheck on={on} path={`${TAB}.onedrive.silent_account_config`} label={text.silent} />
        <DocCheck
          on={on}
          path={`${TAB}.onedrive.make_files_cloud_only`}
          label={text.cloud}
          hint={text.cloudHint}
        />
        <DocCheck on={on} path={`${TAB}.onedrive.wait_for_sync`} label={text.wait} />
      </fieldset>
      <fieldset>
        <legend>{text.aip}</legend>
        {hosts.map((_, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: hosts have no identity but their place.
          <div className="pair" key={index}>
            <DocText on={on} path={`${HOSTS}.${index}.from`} label={text.from} />
            <DocText on={on} path={`${HOSTS}.${index}.to`} label={text.to} />
            <div>
              <Button
                small
                onClick={() =>
                  on.set(
                    HOSTS,
                    hosts.filter((_, other) => other !== index),
                  )
                }
              >
                {text.remove(index + 1)}
              </Button>
            </div>
          </div>
        ))}
        <div>
          <Button small onClick={() => on.set(HOSTS, [...hosts, { from: "", to: "" }])}>
            {text.addHost}
          </Button>
        </div>
      </fieldset>
      <DocCheck on={on} path={`${TAB}.set_proxy_auto_detect`} label={text.proxy} />
    </>
  );
}
