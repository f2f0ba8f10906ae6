// The devices that took a seat of a licence.
import { Link } from "@tanstack/react-router";
import { api, must } from "../../api/client";
import { usePages } from "../../api/pages";
import type { Licence, LicenceSeat, Page } from "../../api/types";
import { useCustomer } from "../../app/session";
import { PagedTable } from "../../ui/DataTable";
import { SidePanel } from "../../ui/Dialogs";
import { Time } from "../../ui/Time";
import { text } from "./text";

export function Seats({ licence, close }: { licence: Licence; close: () => void }) {
  const customer = useCustomer();
  const seats = usePages([customer, "licences", licence.id, "seats"], () =>
    must<Page<LicenceSeat>>(
      api.GET("/customers/{customer}/licences/{licence}/seats", {
        params: { path: { customer, licence: licence.id } },
      }),
    ),
  );
  const c = text.seatColumns;
  return (
    <SidePanel title={text.seatsTitle(licence.terms.licensee)} close={close}>
      <PagedTable
        caption={text.seatsTitle(licence.terms.licensee)}
        pages={seats}
        rowKey={(row) => row.device_id}
        empty={null}
        columns={[
          {
            label: c.device,
            cell: (row) => (
              <>
                <Link to={`/devices/${row.device_id}`}>{row.name}</Link>
                {!row.used && <div className="small muted">{text.ordered}</div>}
              </>
            ),
          },
          { label: c.at, cell: (row) => <Time at={row.at} /> },
        ]}
      />
    </SidePanel>
  );
}
