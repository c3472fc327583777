import { ApiError, Unreachable } from '@/api/errors';
import { t } from '@/i18n';

/** What is wrong, in a sentence. */
export function sentence(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  if (error instanceof Unreachable) return t('error.unreachable');
  return t('error.generic', { message: error instanceof Error ? error.message : String(error) });
}
