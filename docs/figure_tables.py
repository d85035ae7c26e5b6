"""The numbers behind the paper's figures, from docs/results/figures."""

from result_files import grid_table, in_percent, load, with_interval


def numbers(figure: str) -> str:
    """The table below a figure."""
    values = load(f"docs/results/figures/figure-{figure}.json")["values"]
    match figure:
        case "3":
            return grid_table({who: values[who]["peaks"] for who in ("real", "generated")}, with_interval)
        case "5":
            return grid_table(values["attention_alike"], with_interval)
        case "9":
            return grid_table(values, in_percent)
        case "10":
            return grid_table(values["moves"], in_percent)
        case "12":
            ways = {"by their pixels": values["pixels"], "by their centres": values["joint"]}
            return grid_table(
                {
                    label: {f"level {level['level']}": level["changed"] for level in levels}
                    for label, levels in ways.items()
                },
                in_percent,
            )
        case "13":
            rows = {f"noise of {row['std']:g}": row for row in values["noise"]}
            for row in values["training"]:  # a run that was stopped has a snapshot there, too: the first one counts
                rows.setdefault(f"discriminator after {row['kimg']:.0f} thousand images", row)
            rows["another picture's map"] = values["chance"]
            return grid_table(
                {name: {level: row[level] for level in values["chance"]} for name, row in rows.items()}, with_interval
            )
        case "14":
            models = {"floors-64": values["model"]["attention"], "plain StyleGAN2": values["baseline"]["attention"]}
            parts = {"": "own", ", beyond the next picture's": "beyond"}
            return grid_table(
                {
                    f"{m}{words}": {size: row[p] for size, row in at.items()}
                    for m, at in models.items()
                    for words, p in parts.items()
                },
                with_interval,
            )
        case "impulse":
            shares = values["shares"]
            return grid_table({"change": {f"{row['share']:.0%}": row["change"] for row in shares}}, in_percent)
    raise KeyError(figure)
