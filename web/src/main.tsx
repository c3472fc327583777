import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { ApiError, Unreachable } from '@/api/errors';
import { chosenLanguage, speak } from '@/i18n';
import { registerWorker } from '@/pwa';
import { router } from '@/routes/router';
import { followTheme } from '@/ui/preferences';
import './styles.css';

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      // The server's own no is final; that it cannot be reached may pass.
      retry: (failures, error) =>
        failures < 3 && (error instanceof Unreachable || (error instanceof ApiError && error.status >= 500)),
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
});

async function start(): Promise<void> {
  followTheme();
  await speak(chosenLanguage());
  const root = document.getElementById('root');
  if (root === null) throw new Error('The page has no #root.');
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </StrictMode>,
  );
}

void start();
if (import.meta.env.PROD) void registerWorker();
