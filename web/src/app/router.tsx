// Builds the router from the list of pages; each page is fetched when it is first opened.
import {
  createRootRoute,
  createRoute,
  createRouter,
  Link,
  lazyRouteComponent,
  redirect,
} from "@tanstack/react-router";
import { ROUTES } from "../routes";
import { Loading } from "../ui/Loading";
import { Page } from "../ui/Page";
import { PAGES } from "./pages";
import { Shell } from "./Shell";
import { text } from "./text";

const root = createRootRoute();
const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

const open = [];
const closed = [];
for (const route of ROUTES) {
  const component = lazyRouteComponent(PAGES[route.path], "default");
  if ("open" in route) open.push(createRoute({ getParentRoute: () => root, path: route.path, component }));
  else closed.push(createRoute({ getParentRoute: () => shell, path: route.path, component }));
}

// The name that the API uses for the table.
const alias = createRoute({
  getParentRoute: () => root,
  path: "/translations",
  beforeLoad: () => {
    throw redirect({ to: "/translation-table", search: true, replace: true });
  },
});

export const router = createRouter({
  routeTree: root.addChildren([...open, alias, shell.addChildren(closed)]),
  defaultPendingComponent: Loading,
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: Crashed,
  defaultPreload: "intent",
});

function NotFound() {
  return (
    <main className="alone">
      <Page title={text.notFoundTitle} lead={text.notFoundText}>
        <Link to="/" className="button primary">
          {text.toDashboard}
        </Link>
      </Page>
    </main>
  );
}

function Crashed() {
  return (
    <div className="empty" role="alert">
      <h1>{text.crashedTitle}</h1>
      <p>{text.crashedText}</p>
    </div>
  );
}
