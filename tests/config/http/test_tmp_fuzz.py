import asyncio, sys
import pytest
from tests.support.deployments import a_deployment
from tests.baton.test_schemathesis import CHECKS
pytestmark = pytest.mark.integration
async def test_fuzz(nats_url, database, tmp_path):
    async with a_deployment(nats_url, database) as d:
        await d.admin.post("/admin/customers", json={"name": "Acme", "id": "acme"})
        (tmp_path / "schemathesis.toml").write_text('[parameters]\n"path.customer_id" = "acme"\n"path.provider" = "openai"\n')
        args = ["--phases", "examples,coverage,fuzzing,stateful", "--max-examples", "5", "--seed", "1"]
        args += ["--checks", ",".join(CHECKS), "--max-failures", "20", "--request-timeout", "10"]
        args += ["--suppress-health-check", "all", "--generation-database", "none", "--no-color"]
        args += ["-H", f"Authorization: Bearer {d.token}"]
        p = await asyncio.create_subprocess_exec(sys.executable, "-m", "schemathesis.cli", "run", f"{d.admin.base_url}/schema/openapi.json", *args, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        out, _ = await asyncio.wait_for(p.communicate(), 100)
        print(out.decode())
        assert p.returncode == 0
