// Which file draws which page. The type makes a page of the list without a file an error.
import type { ComponentType } from "react";
import type { ROUTES } from "../routes";

type Loader = () => Promise<{ default: ComponentType }>;

export const PAGES: Record<(typeof ROUTES)[number]["path"], Loader> = {
  "/setup": () => import("../features/setup/SetupPage"),
  "/sign-in": () => import("../features/sign-in/SignInPage"),
  "/": () => import("../features/dashboard/DashboardPage"),
  "/guide": () => import("../features/guide/GuidePage"),
  "/directories": () => import("../features/directories/DirectoriesPage"),
  "/directories/new": () => import("../features/directories/DirectoryPage"),
  "/directories/$directoryId": () => import("../features/directories/DirectoryPage"),
  "/sync-profiles": () => import("../features/sync-profiles/SyncProfilesPage"),
  "/sync-profiles/new": () => import("../features/sync-profiles/SyncProfilePage"),
  "/sync-profiles/$profileId": () => import("../features/sync-profiles/SyncProfilePage"),
  "/schedule": () => import("../features/schedule/SchedulePage"),
  "/schedule/$jobId": () => import("../features/schedule/JobPage"),
  "/translation-table": () => import("../features/translations/TranslationTablePage"),
  "/objects": () => import("../features/objects/ObjectsPage"),
  "/objects/$objectId": () => import("../features/objects/ObjectPage"),
  "/runbooks": () => import("../features/runbooks/RunbooksPage"),
  "/runbooks/new": () => import("../features/runbooks/RunbookPage"),
  "/runbooks/$runbookId": () => import("../features/runbooks/RunbookPage"),
  "/batches": () => import("../features/batches/BatchesPage"),
  "/batches/new": () => import("../features/batches/BatchPage"),
  "/batches/$batchId": () => import("../features/batches/BatchPage"),
  "/devices": () => import("../features/devices/DevicesPage"),
  "/devices/$deviceId": () => import("../features/devices/DevicePage"),
  "/runs": () => import("../features/runs/RunsPage"),
  "/runs/$runId": () => import("../features/runs/RunPage"),
  "/agent-certificate": () => import("../features/agent-certificate/AgentCertificatePage"),
  "/psks": () => import("../features/psks/PsksPage"),
  "/agent-logs": () => import("../features/agent-logs/AgentLogsPage"),
  "/licences": () => import("../features/licences/LicencesPage"),
  "/audit": () => import("../features/audit/AuditPage"),
  "/settings": () => import("../features/settings/SettingsPage"),
  "/administrators": () => import("../features/administrators/AdministratorsPage"),
  "/customers": () => import("../features/customers/CustomersPage"),
};
