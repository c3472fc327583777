import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { signedIn } from '@/api/session';
import { SetPassword } from '@/features/account/SignIn';

export function PasswordPage() {
  const client = useQueryClient();
  const navigate = useNavigate();
  async function entered(): Promise<void> {
    signedIn();
    client.clear();
    await navigate({ to: '/', replace: true });
  }
  return <SetPassword onDone={entered} />;
}
