// One look at a customer.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { api, must } from "../../api/client";
import type { Dashboard } from "../../api/types";
import { ServerLink } from "../../app/links";
import { useCustomer } from "../../app/session";
import { count } from "../../app/time";
import { Empty } from "../../ui/Empty";
import { Loading } from "../../ui/Loading";
import { Page } from "../../ui/Page";
import { ProblemNote } from "../../ui/ProblemNote";
import { RunTable } from "../runs/RunTable";
import { JobTable } from "../schedule/JobTable";
import { text } from "./text";

type TileKey = keyof typeof text.tiles;
const TILES: { key: TileKey; to: string; search?: Record<string, string>; tone?: "ok" | "warn" | "bad" }[] = [
  { key: "total", to: "/devices" },
  { key: "trusted", to: "/devices", search: { trust: "trusted" } },
  { key: "pending", to: "/devices", search: { trust: "pending" }, tone: "warn" },
  { key: "conflict", to: "/devices", search: { trust: "conflict" }, tone: "bad" },
  { key: "in_batch", to: "/batches" },
  { key: "running", to: "/runs" },
  { key: "migrated", to: "/runs", search: { result: "migrated" }, tone: "ok" },
  { key: "back", to: "/runs", tone: "warn" },
  { key: "held", to: "/runs", search: { result: "held" }, tone: "bad" },
  { key: "silent", to: "/devices", tone: "warn" },
];

export default function DashboardPage() {
  const customer = useCustomer();
  const query = useQuery({
    queryKey: [customer, "dashboard"],
    queryFn: () =>
      must<Dashboard>(api.GET("/customers/{customer}/dashboard", { params: { path: { customer } } })),
  });
  return (
    <Page title={text.title}>
      <ProblemNote error={query.error} />
      {query.isPending && <Loading />}
      {query.data && <Content board={query.data} />}
    </Page>
  );
}

function Content({ board }: { board: Dashboard }) {
  const nothingRan = board.running.length === 0 && board.recent.length === 0;
  return (
    <>
      {board.attention.length > 0 && (
        <section className="note warn">
          <h2>{text.attention}</h2>
          <ul>
            {board.attention.map((one) => (
              <li key={one.code}>
                <ServerLink link={one.link}>{one.text}</ServerLink>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h2 className="hidden-visually">{text.devices}</h2>
        <div className="tiles">
          {TILES.map(({ key, to, search, tone }) => (
            <Link
              key={key}
              className={`tile ${tone && board.devices[key] > 0 ? tone : ""}`}
              to={to}
              search={search}
            >
              <span className="value">{count(board.devices[key])}</span>
              <span className="what">{text.tiles[key]}</span>
            </Link>
          ))}
        </div>
      </section>
      <div className="columns">
        <section className="card">
          <h2>{text.table}</h2>
          <p className="row number">
            <Link to="/translation-table">{`${count(board.translations.matched)} ${text.matched}`}</Link>
            <span>{`${count(board.translations.unmatched)} ${text.unmatched}`}</span>
            <span>{`${count(board.translations.ambiguous)} ${text.ambiguous}`}</span>
          </p>
        </section>
        <section className="card">
          <h2>{text.licences}</h2>
          <p className="number">
            <Link to="/licences">{text.seats(board.licence_used, board.licence_seats)}</Link>
          </p>
          {board.refusals_24h > 0 && (
            <p>
              <Link to="/audit">{text.refusals(board.refusals_24h)}</Link>
            </p>
          )}
        </section>
      </div>
      {nothingRan ? (
        <Empty
          title={text.noRuns}
          action={
            <Link className="button primary" to="/guide">
              {text.toGuide}
            </Link>
          }
        />
      ) : (
        <>
          {board.running.length > 0 && (
            <section className="stack tight">
              <h2>{text.running}</h2>
              <RunTable caption={text.running} runs={board.running} />
            </section>
          )}
          {board.recent.length > 0 && (
            <section className="stack tight">
              <h2>{text.recent}</h2>
              <RunTable caption={text.recent} runs={board.recent} />
            </section>
          )}
        </>
      )}
      <section className="stack tight">
        <h2>{text.jobs}</h2>
        {board.jobs.length > 0 ? <JobTable jobs={board.jobs} /> : <p className="muted">{text.noJobs}</p>}
      </section>
    </>
  );
}
