REVOKE SELECT ON public.alembic_version FROM clipledger_app;
DROP SCHEMA clipledger CASCADE;
