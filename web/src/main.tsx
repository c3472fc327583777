import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { client } from '@/api/answers';
import { chosenLanguage, speak } from '@/i18n';
import { registerWorker } from '@/pwa';
import { router } from '@/routes/router';
import { followTheme } from '@/ui/preferences';
import './styles.css';

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
