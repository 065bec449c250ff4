"""Rossmann store-sales tables: read from Kaggle's files or generated, and turned into model features."""

from pathlib import Path

import numpy as np
import pandas as pd

TARGET = "Sales"
FEATURES = [
    "Store",
    "DayOfWeek",
    "Year",
    "Month",
    "Day",
    "WeekOfYear",
    "Promo",
    "StateHoliday",
    "SchoolHoliday",
    "StoreType",
    "Assortment",
    "CompetitionDistance",
    "CompetitionOpenMonths",
    "Promo2",
    "Promo2Active",
]

STATE_HOLIDAY_CODES = {"0": 0, "a": 1, "b": 2, "c": 3}
STORE_TYPE_CODES = {"a": 1, "b": 2, "c": 3, "d": 4}
ASSORTMENT_CODES = {"a": 1, "b": 2, "c": 3}
# Kaggle writes September with four letters.
INTERVAL_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sept", "Oct", "Nov", "Dec"]

NO_COMPETITOR_METRES = 100_000
LONG_OPEN_MONTHS = 24

FIRST_DAY, LAST_DAY = "2013-01-01", "2015-07-31"
EASTER_DAYS = ["2013-03-29", "2013-04-01", "2014-04-18", "2014-04-21", "2015-04-03", "2015-04-06"]
SCHOOL_HOLIDAYS = [(1, 1, 1, 5), (3, 24, 4, 11), (7, 20, 8, 31), (10, 10, 10, 25), (12, 22, 12, 31)]


def read_kaggle(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Kaggle's `train.csv` and `store.csv`, as (days, stores)."""
    days = pd.read_csv(folder / "train.csv", dtype={"StateHoliday": str}, parse_dates=["Date"])
    return days, pd.read_csv(folder / "store.csv")


def generate(seed: int, store_count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Invented stores and days in the columns of Kaggle's two files, as (days, stores)."""
    rng = np.random.default_rng(seed)
    stores = _generate_stores(rng, store_count)
    calendar = _generate_calendar(rng)
    return _generate_days(rng, stores, calendar), stores


def build_rows(days: pd.DataFrame, stores: pd.DataFrame) -> pd.DataFrame:
    """One row per open day with sales: `Date`, the numeric FEATURES in order, and TARGET. Oldest first."""
    open_days = days[(days["Open"] == 1) & (days["Sales"] > 0)]
    rows = open_days.merge(stores, on="Store").sort_values(["Date", "Store"], ignore_index=True)
    date = rows["Date"].dt
    rows["Year"], rows["Month"], rows["Day"] = date.year, date.month, date.day
    rows["WeekOfYear"] = date.isocalendar().week.astype(int)
    rows["StateHoliday"] = rows["StateHoliday"].map(STATE_HOLIDAY_CODES)
    rows["StoreType"] = rows["StoreType"].map(STORE_TYPE_CODES)
    rows["Assortment"] = rows["Assortment"].map(ASSORTMENT_CODES)
    rows["CompetitionDistance"] = rows["CompetitionDistance"].fillna(NO_COMPETITOR_METRES).astype(int)
    rows["CompetitionOpenMonths"] = _competition_open_months(rows)
    rows["Promo2Active"] = _promo2_active(rows)
    rows = rows[["Date", *FEATURES, TARGET]]
    if rows.isna().any(axis=None):
        faulty = rows.columns[rows.isna().any()].tolist()
        raise SystemExit(f"these columns hold values outside the schema: {', '.join(faulty)}")
    return rows


def _competition_open_months(rows: pd.DataFrame) -> pd.Series:
    months = (rows["Year"] - rows["CompetitionOpenSinceYear"]) * 12
    months = months + rows["Month"] - rows["CompetitionOpenSinceMonth"]
    return months.fillna(LONG_OPEN_MONTHS).clip(0, LONG_OPEN_MONTHS).astype(int)


def _promo2_active(rows: pd.DataFrame) -> pd.Series:
    week = rows["Date"].dt.isocalendar()
    since = rows["Promo2SinceYear"] * 100 + rows["Promo2SinceWeek"]
    started = (rows["Promo2"] == 1) & (week.year.astype(int) * 100 + week.week.astype(int) >= since)
    month_name = rows["Month"].map(lambda month: INTERVAL_MONTHS[month - 1])
    intervals = rows["PromoInterval"].fillna("").str.split(",")
    in_interval = np.array([name in interval for name, interval in zip(month_name, intervals)])
    return (started & in_interval).astype(int)


def _generate_stores(rng: np.random.Generator, count: int) -> pd.DataFrame:
    store_type = rng.choice(list("abcd"), size=count, p=[0.53, 0.03, 0.13, 0.31])
    assortment = np.where(
        (store_type == "b") & (rng.random(count) < 0.5),
        "b",
        rng.choice(list("ac"), size=count, p=[0.53, 0.47]),
    )
    distance = np.clip(np.round(rng.lognormal(7.7, 1.2, count), -1), 20, 75_860)
    opening_known = rng.random(count) < 0.68
    promo2 = (rng.random(count) < 0.51).astype(int)
    interval = rng.choice(["Jan,Apr,Jul,Oct", "Feb,May,Aug,Nov", "Mar,Jun,Sept,Dec"], size=count, p=[0.58, 0.23, 0.19])
    return pd.DataFrame(
        {
            "Store": np.arange(1, count + 1),
            "StoreType": store_type,
            "Assortment": assortment,
            "CompetitionDistance": np.where(rng.random(count) < 0.01, np.nan, distance),
            "CompetitionOpenSinceMonth": np.where(opening_known, rng.integers(1, 13, count), np.nan),
            "CompetitionOpenSinceYear": np.where(opening_known, rng.integers(2004, 2016, count), np.nan),
            "Promo2": promo2,
            "Promo2SinceWeek": np.where(promo2 == 1, rng.integers(1, 51, count), np.nan),
            "Promo2SinceYear": np.where(promo2 == 1, rng.integers(2009, 2016, count), np.nan),
            "PromoInterval": pd.Series(interval).where(promo2 == 1),
        }
    )


def _generate_calendar(rng: np.random.Generator) -> pd.DataFrame:
    dates = pd.Series(pd.date_range(FIRST_DAY, LAST_DAY))
    month, day = dates.dt.month, dates.dt.day
    fixed = {(1, 1), (5, 1), (10, 3)}
    holiday = ["a" if key in fixed else "c" if key in {(12, 25), (12, 26)} else "0" for key in zip(month, day)]
    holiday = pd.Series(holiday).mask(dates.isin(pd.to_datetime(EASTER_DAYS)), "b")
    weekday = dates.dt.dayofweek < 5
    monthday = month * 100 + day
    in_break = np.any([monthday.between(a * 100 + b, c * 100 + d) for a, b, c, d in SCHOOL_HOLIDAYS], axis=0)
    # A promotion fills one week, Monday to Friday, of every two. Which one is drawn: a strict alternation
    # would be readable from WeekOfYear, and a model without Promo would lose nothing.
    week = ((dates - pd.Timestamp("2012-12-31")).dt.days // 7).to_numpy()
    promo = weekday & (rng.integers(0, 2, week.max() // 2 + 1)[week // 2] == week % 2)
    return pd.DataFrame(
        {
            "Date": dates,
            "DayOfWeek": dates.dt.dayofweek + 1,
            "Promo": promo.astype(int),
            "StateHoliday": holiday,
            "SchoolHoliday": (weekday & in_break).astype(int),
        }
    )


def _generate_days(rng: np.random.Generator, stores: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    days = stores[["Store", "StoreType"]].merge(calendar, how="cross")
    always_open = days["StoreType"] == "b"
    closed = ((days["DayOfWeek"] == 7) | (days["StateHoliday"] != "0")) & ~always_open
    days["Open"] = (~closed).astype(int)
    level = _log_sales(rng, stores, calendar).ravel()
    days["Sales"] = np.where(closed, 0, np.round(np.exp(level))).astype(int)
    basket = np.exp(rng.normal(2.2, 0.06, len(days)))
    days["Customers"] = np.where(closed, 0, np.round(days["Sales"] / basket)).astype(int)
    columns = ["Store", "DayOfWeek", "Date", "Sales", "Customers", "Open", "Promo", "StateHoliday", "SchoolHoliday"]
    return days[columns]


def _log_sales(rng: np.random.Generator, stores: pd.DataFrame, calendar: pd.DataFrame) -> np.ndarray:
    """Log turnover, [stores, days]: known effects, interactions between them, and noise no model can learn."""
    count, span = len(stores), len(calendar)
    store_type, assortment = stores["StoreType"].to_numpy(), stores["Assortment"].to_numpy()
    distance = stores["CompetitionDistance"].fillna(NO_COMPETITOR_METRES).to_numpy()
    dates, dow = calendar["Date"], calendar["DayOfWeek"].to_numpy()
    age_days = (dates - dates.iloc[0]).dt.days.to_numpy()
    year_phase = 2 * np.pi * dates.dt.dayofyear.to_numpy() / 365.25

    base = 8.55 + rng.normal(0, 0.28, count) + 0.30 * (store_type == "b") + 0.12 * (assortment == "c")
    base = base + 0.03 * np.log(distance / 2_000)
    trend = rng.normal(0.02, 0.05, count) / 365.25
    level = base[:, None] + trend[:, None] * age_days

    by_day = np.array([0.16, 0.04, 0.0, 0.0, 0.03, -0.10, -0.15])[dow - 1]
    sunday_trade = np.where((store_type == "b")[:, None] & (dow == 7), 0.35, 0.0)
    level = level + by_day * rng.normal(1, 0.15, count)[:, None] + sunday_trade

    lift = rng.normal(0.30, 0.07, count) + 0.08 * (store_type == "d") - 0.12 * (store_type == "b")
    lift = lift[:, None] + np.where(dow == 1, 0.12, 0.0)
    level = level + lift * calendar["Promo"].to_numpy()

    december = np.where(dates.dt.month == 12, dates.dt.day.clip(upper=24) / 24 * 0.30, 0.0)
    payday = np.where((dates.dt.day <= 4) | (dates.dt.day >= 29), 0.06, 0.0)
    level = level + 0.05 * np.sin(year_phase - 1.0) + december + payday
    level = level + rng.normal(0.04, 0.03, count)[:, None] * calendar["SchoolHoliday"].to_numpy()
    level = level + np.where(calendar["StateHoliday"] != "0", 0.10, 0.0)

    opened = stores["CompetitionOpenSinceYear"] * 12 + stores["CompetitionOpenSinceMonth"]
    this_month = (dates.dt.year * 12 + dates.dt.month).to_numpy()
    competed = this_month >= opened.fillna(0).to_numpy()[:, None]
    level = level - np.where(competed, 0.12 * np.exp(-distance / 3_000)[:, None], 0.0)

    # One day's weather and news move every store together; a store's own luck lasts about a week.
    shared = rng.normal(0, 0.03, span)
    own = rng.normal(0, 0.04, (count, span // 7 + 1)).repeat(7, axis=1)[:, :span]
    return level + shared + own + rng.normal(0, 0.07, (count, span))
