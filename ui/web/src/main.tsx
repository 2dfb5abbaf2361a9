import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { App } from "./App";
import { ApiError } from "./api/client";
import { askForNames } from "./components/query/names";
import { settleLanguage } from "./language";
import "./theme.css";

// Data goes stale when the server says so (api/live.ts), and not by the clock.
const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: Number.POSITIVE_INFINITY,
      refetchOnWindowFocus: false,
      retry: (count, error) => error instanceof ApiError && error.status === 503 && count < 3,
    },
  },
});

settleLanguage();
const base = new URL(document.baseURI).pathname.replace(/\/$/, "");
const root = document.getElementById("root");
if (root !== null) {
  askForNames(client);
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <Router base={base}>
          <App />
        </Router>
      </QueryClientProvider>
    </StrictMode>,
  );
}
