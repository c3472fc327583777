import { QueryClient } from '@tanstack/react-query';
import { ApiError, Unreachable } from './errors';

/** What the server has answered, for as long as the page lasts. */
export const client = new QueryClient({
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
