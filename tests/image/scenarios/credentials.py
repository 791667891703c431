"""Where credentials come from, and where they must not go."""

from world import BUCKET, Identity

from .base import scenario


@scenario
def identity_token(test, check):
    """A role by GitHub's identity token: none of the secrets on the way is seen again, not even in a log with all details."""
    role = "arn:aws:iam::111122223333:role/upload"
    identity = Identity(test.double)
    secrets = {*test.double.temporary, identity.token}
    try:
        for debug in (False, True):
            settings = test.settings(
                f"oidc-{debug}/",
                aws_access_key_id=None,
                aws_secret_access_key=None,
                sts_endpoint_url=identity.address,
                role_to_assume=role,
            )
            url = f"{identity.address}/token?api-version=2.0"
            result = test.run(test.machine("names"), settings, secrets=secrets, id_token_url=url, debug=debug)
            check.equal("result", result.outputs.get("result"), "success")
            check("all of them are masked", secrets <= set(result.masks), f"{len(result.masks)} masks")
        check.equal("token and role were asked for, in turn,", [kind for kind, *_ in identity.asked], ["token", "role"] * 2)
        audiences = [query.get("audience") for kind, query, _ in identity.asked if kind == "token"]
        check.equal("the audiences are", audiences, [["sts.amazonaws.com"]] * 2)
    finally:
        identity.stop()


@scenario
def bucket_is_a_secret(test, check):
    """An output that holds a secret never reaches another job; the key alone does."""
    result = test.run(test.machine("names"), test.settings("masked/"), masked=(BUCKET,))
    check("destination is dropped", "destination" not in result.job_outputs, result.job_outputs)
    check.equal("destination-key", result.job_outputs.get("destination-key"), "masked/")
    check.equal("result", result.job_outputs.get("result"), "success")
