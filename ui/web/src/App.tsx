import {
  AudioLines,
  Bookmark,
  ChartLine,
  ChartScatter,
  FileText,
  Image,
  Moon,
  Shapes,
  Sun,
  SunMoon,
  Table2,
  Tally5,
} from "lucide-react";
import { type ComponentType, lazy, Suspense, useEffect } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import styles from "./App.module.css";
import { useLive } from "./api/live";
import { Boundary } from "./components/Boundary";
import { useProject } from "./components/query/names";
import { Empty, Loading } from "./components/States";
import { useThemeChoice } from "./theme";

const Runs = lazy(() => import("./pages/Runs"));
const Metrics = lazy(() => import("./pages/Metrics"));
const Compare = lazy(() => import("./pages/Compare"));
const Media = lazy(() => import("./pages/Media"));
const RunPage = lazy(() => import("./pages/RunPage"));
const Views = lazy(() => import("./pages/Views"));

const PAGES: { path: string; title: string; icon: ComponentType<{ size?: number }> }[] = [
  { path: "/runs", title: "Runs", icon: Table2 },
  { path: "/metrics", title: "Metrics", icon: ChartLine },
  { path: "/compare", title: "Compare", icon: ChartScatter },
  { path: "/images", title: "Images", icon: Image },
  { path: "/audios", title: "Audio", icon: AudioLines },
  { path: "/texts", title: "Texts", icon: FileText },
  { path: "/figures", title: "Figures", icon: Shapes },
  { path: "/distributions", title: "Distributions", icon: Tally5 },
  { path: "/views", title: "Views", icon: Bookmark },
];

export function App() {
  const [path] = useLocation();
  // a run's page says its own
  const title = path.startsWith("/run/")
    ? undefined
    : (PAGES.find(({ path: of }) => of === path)?.title ?? "No such page");
  useEffect(() => {
    document.title = title === undefined ? "Runstone" : `${title} · Runstone`;
  }, [title]);
  return (
    <div className={styles.app}>
      <a className={styles.skip} href="#main">
        To the content
      </a>
      <Header />
      <nav className={styles.nav} aria-label="Pages">
        {PAGES.map(({ path: to, title, icon: Icon }) => (
          <Link key={to} href={to} aria-current={path === to ? "page" : undefined}>
            <Icon size={16} aria-hidden />
            {title}
          </Link>
        ))}
      </nav>
      <main className={styles.main} id="main" tabIndex={-1}>
        {title && <h1 className="visually-hidden">{title}</h1>}
        <Boundary key={path}>
          <Suspense fallback={<Loading what="the page" />}>
            <Switch>
              <Route path="/">
                <Redirect to="/runs" replace />
              </Route>
              <Route path="/runs" component={Runs} />
              <Route path="/metrics" component={Metrics} />
              <Route path="/compare" component={Compare} />
              <Route path="/images">
                <Media kind="images" />
              </Route>
              <Route path="/audios">
                <Media kind="audios" />
              </Route>
              <Route path="/texts">
                <Media kind="texts" />
              </Route>
              <Route path="/figures">
                <Media kind="figures" />
              </Route>
              <Route path="/distributions">
                <Media kind="distributions" />
              </Route>
              <Route path="/run/:hash">{({ hash }) => <RunPage hash={decodeURIComponent(hash)} />}</Route>
              <Route path="/views" component={Views} />
              <Route>
                <Empty title="There is no such page">
                  <Link href="/runs">To the runs</Link>
                </Empty>
              </Route>
            </Switch>
          </Suspense>
        </Boundary>
      </main>
    </div>
  );
}

function Header() {
  const live = useLive();
  const found = useProject();
  const [choice, choose] = useThemeChoice();
  const next = choice === "system" ? "light" : choice === "light" ? "dark" : "system";
  const Icon = choice === "system" ? SunMoon : choice === "light" ? Sun : Moon;
  return (
    <header className={styles.header}>
      <Link className={styles.brand ?? ""} href="/runs">
        <img src="icon.svg" alt="" />
        Runstone
      </Link>
      {found && (
        <span className={styles.project} title={found.path}>
          {found.name}
          {found.runs !== null && ` · ${found.runs.toLocaleString("en-US")} runs`}
          {found.read_only && " · read-only"}
        </span>
      )}
      <span className={styles.spring} />
      <span className={styles.live} role="status">
        <span className={styles.dot} data-state={!live.connected ? "lost" : live.active ? "live" : "idle"} />
        {!live.connected ? "not connected" : live.active ? `${live.active} running` : "nothing running"}
      </span>
      <button
        type="button"
        data-kind="quiet"
        onClick={() => choose(next)}
        aria-label={`Colours: ${choice}. Change to ${next}`}
        title={`Colours: ${choice}`}
      >
        <Icon size={16} aria-hidden />
      </button>
    </header>
  );
}
